"""python -m indexer"""

from indexer.app import main

main()
