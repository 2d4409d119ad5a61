"""SIP engines behind one small protocol (``base``); ``baresip_line`` is the default one."""
