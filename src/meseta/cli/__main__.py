"""`python -m meseta.cli`: the same as the console script `meseta`."""

from meseta.cli.main import main

main()
