"""Where customers stand: what is heard of them, judging, the rules, what they spent, what to do next."""
