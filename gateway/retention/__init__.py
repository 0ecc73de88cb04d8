"""How long what is held of children is kept, and what a child's family may ask for."""
