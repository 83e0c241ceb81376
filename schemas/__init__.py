"""The contract: every record on every topic and in every state row, with its limits.

| record | topic | key | who writes it |
|---|---|---|---|
| Phone-, Email-, Chat-, WebRecord | interactions.{channel}.v1 | free | channel systems |
| Command | commands.v1 | free | staff's systems, HTTP, CLI |
| CustomerEvent (a union) | customer-events.v1 | customer_id | intake, deadlines, policies |
| PolicyPublished | sla-policies.v1 (compacted) | digest | workers, `manyi policy publish` |
| IdentityLink | identity-links.v1 (compacted), conversation-links.v1 | handle#epoch | intake |
| Complaint | complaints.v1 (compacted) | complaint_id | customer pipeline |
| SlaAlert | sla-alerts.v1 | complaint_id | customer pipeline |
| SurveyAnswer | satisfaction-scores.v1 | customer_id | customer pipeline |
"""
