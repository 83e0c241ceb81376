"""What makes a complaint: the customer's own words, low ratings; and what is no customer at all."""
