"""What follows a lead: demo cars, test drives, quotes, fleet deals, referrals."""
