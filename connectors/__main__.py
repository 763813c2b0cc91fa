"""`python -m connectors` runs the synchroniser of native Links."""

from connectors.app import main

main()
