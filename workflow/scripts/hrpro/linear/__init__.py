"""The linear baseline in place of stage 1: a logistic regression (docs/method.md, section 8)."""
