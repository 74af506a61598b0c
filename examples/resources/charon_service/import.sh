terraform import charon_service.wiki wiki/wiki
