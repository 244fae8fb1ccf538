"""Pages and API over HTTP. Parses, asks a use case of `service.app`, renders; decides nothing."""
