"""Everything except the networks. A package imports only packages below it; docs/developing.md has the order."""
