"""Every fault of the way to the Hub, at every question: success, or one error that says where."""
