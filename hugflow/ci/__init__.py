"""The requests of a pull request: find, plan, report, make and merge them, as a workflow does."""
