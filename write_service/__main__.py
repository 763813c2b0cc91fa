"""`python -m write_service` runs the write tier."""

from write_service.app import main

main()
