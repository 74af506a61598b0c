import {
  to = charon_service.wiki
  id = "wiki/wiki"
}
