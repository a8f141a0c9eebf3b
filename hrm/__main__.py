"""`python -m hrm` is `hrm`."""

from hrm.cli import main

if __name__ == "__main__":
    main()
