"""Stage 2: how complete each proposal is and where its ends belong (method.md, "instance-level")."""
