"""How bytes travel: one carrier for each kind of route, behind one port."""
