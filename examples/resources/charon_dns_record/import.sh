# By backend, zone, name and type; a weighted or failover set of Route 53 has its set_id behind them.
terraform import charon_dns_record.www cloudflare/example.org/www.example.org/A
