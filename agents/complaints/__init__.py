"""Complaints: detect them, decide which matter a contact is about, follow the stages, run the
promised clocks."""
