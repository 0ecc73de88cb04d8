"""What people who mean harm may try, a class of attack in each file; each test draws its input."""
