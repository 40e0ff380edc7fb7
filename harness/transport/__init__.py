"""The edge to the network, behind one small Protocol."""
