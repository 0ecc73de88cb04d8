"""The keys of this gateway: listed, and how stored copies are wrapped anew under a new storage key."""
