"""Independent issuers: who accredits them, and what they grant and revoke with their own keys."""
