"""HTTP at the edge: requests in, flows called, answers out."""
