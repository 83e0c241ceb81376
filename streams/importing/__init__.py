"""Bringing foreign data in: files of help desks, telephone systems and mailboxes to channel topics.

files -> rows or mails -> records (agents.mapping, mail_records) -> checked -> ordered -> published.
A bad row is a reported reject and the rest goes on; a mail always becomes a record.
"""
