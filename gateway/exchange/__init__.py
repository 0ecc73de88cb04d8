"""Everything that goes to another authority, or comes from one."""
