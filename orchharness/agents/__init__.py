"""Built-in agent kinds, and the durable local process that plugins build on."""
