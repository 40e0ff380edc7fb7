"""One attempt on the wire: a request sent, its reply read and understood."""
