"""LACP as stage 1: action completeness from points (docs/method.md, section 11)."""
