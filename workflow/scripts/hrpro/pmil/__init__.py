"""P-MIL as stage 2: proposals classified by multiple-instance learning (docs/method.md, section 12)."""
