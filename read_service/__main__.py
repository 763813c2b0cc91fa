"""`python -m read_service` runs the read tier."""

from read_service.app import main

main()
