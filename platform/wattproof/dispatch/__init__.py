"""The dispatch centre: plans are proposed, edited, approved, sent, followed and measured."""
