from provence_plugins.cli.app import main

main()
