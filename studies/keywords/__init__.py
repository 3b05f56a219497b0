"""How well the rule for keywords tells things from calls, and the words that it knows."""
