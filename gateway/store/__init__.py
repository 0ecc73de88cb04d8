"""All the SQL there is: one function per question, each given the caller's transaction."""
