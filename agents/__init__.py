"""What manyi does with contacts: pure rules, one capability a folder.

No Faust, no Redis, no clock, no I/O.

intake turns channel records into interactions; identity says who the customer is; customer keeps
the one state per customer; complaints opens, follows and times complaints; satisfaction counts;
alerts words the messages; mapping reads other systems' payloads; simulation invents a contact
centre from a seed.
"""
