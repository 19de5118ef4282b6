"""Personal data: what is held about whom, handing it out, and erasing it (docs/privacy.md)."""
