"""``python -m sluicegate`` is the command."""

from sluicegate.cli import main

if __name__ == "__main__":
    main()
