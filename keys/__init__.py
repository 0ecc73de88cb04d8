"""Who said it, and who may read it: keys, cards, trust, the sealed envelope, receipts, encryption at rest."""
