"""The contract: every record on every topic and in every state row, with its limits.

| record | topic | key | who writes it |
|---|---|---|---|
| PhoneRecord, EmailRecord, ChatRecord, WebRecord | interactions.{phone,email,chat,web}.v1 | free | channel systems |
| Command | commands.v1 | free | staff's systems, HTTP, CLI |
| Interaction, CommandGiven, DeadlineReached, CustomersMerged | customer-events.v1 | customer_id | intake, deadlines |
| IdentityLink | identity-links.v1 (compacted) | handle | intake |
| Complaint | complaints.v1 (compacted) | complaint_id | customer pipeline |
| SlaAlert | sla-alerts.v1 | complaint_id | customer pipeline |
"""
