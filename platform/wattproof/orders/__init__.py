"""Orders: templates, acceptance with a signed receipt, cancellation, life."""
