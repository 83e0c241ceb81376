"""The one state per customer: admit each happening once, keep profile, timeline, conversations,
scores and value."""
