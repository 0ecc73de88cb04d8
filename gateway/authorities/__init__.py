"""Which authorities there are: partners, those without a gateway, and where a postcode lies."""
