"""Stand-ins for services of AWS that moto lacks or is too slow at, each on a loopback port."""
