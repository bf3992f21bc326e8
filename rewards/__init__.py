"""What makes a piece good: rules, suites of rules, and the likelihood under a learned prior."""
