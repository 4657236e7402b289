from provence_plugins.cli import main

main()
