"""Run chapters, gather their evidence and build the book; no notebook imports this."""
