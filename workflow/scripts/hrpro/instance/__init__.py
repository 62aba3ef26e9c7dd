"""Stage 2: how complete each proposal is and where its ends belong (docs/method.md, section 5)."""
