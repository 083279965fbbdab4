/*
 * Requests: a list of attacks with the reason word each must get, and what
 * must be read from those that are fine.  Every message is parsed whole, byte
 * by byte, and in two pieces cut at every place: the outcome must be the same.
 */
#include "feed.h"

static const struct h1_limits limits = { .max_head = 16384, .max_uri = 1024, .max_fields = 16 };

#define H  "Host: a\r\n"
#define G  "GET / HTTP/1.1\r\n"
#define P  "POST / HTTP/1.1\r\n" H
#define PE "\r\n\r\n"

struct attack {
    const char *name;
    struct str bytes;
    const char *word;
};

#define A(name, bytes, word) { name, { bytes, sizeof(bytes) - 1 }, word }

static const struct attack attacks[] = {
    /* line ends */
    A("bare LF ends the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", "bare_lf"),
    A("bare LF ends a field", G "Host: a\n\r\n", "bare_lf"),
    A("bare LF for the empty line", G H "\n", "bare_lf"),
    A("bare LF hides a second field", G H "X: a\nTransfer-Encoding: chunked" PE, "bare_lf"),
    A("bare LF before the request", "\nGET / HTTP/1.1\r\n" H "\r\n", "bare_lf"),
    A("bare LF inside a name", G H "X\nY: a" PE, "bare_lf"),
    A("bare CR ends the request line", "GET / HTTP/1.1\rHost: a\r\n\r\n", "bare_cr"),
    A("bare CR inside a value", G H "X: a\rTransfer-Encoding: chunked" PE, "bare_cr"),
    A("CR CR LF", G H "X: a\r\r\n\r\n", "bare_cr"),
    A("bare CR inside a name", G H "X\rY: a" PE, "bare_cr"),
    A("bare CR for the empty line", G H "\rX", "bare_cr"),
    A("bare CR before the request", "\r\rGET / HTTP/1.1\r\n", "bare_cr"),
    A("bare CR in the target", "GET /\rx HTTP/1.1\r\n" H "\r\n", "bare_cr"),
    A("bare CR in the method", "GE\rT / HTTP/1.1\r\n" H "\r\n", "bare_cr"),
    A("three empty lines first", "\r\n\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", "bad_request_line"),

    /* bytes that have no business here */
    A("NUL in a value", G H "X: a\0b" PE, "nul_byte"),
    A("NUL in a name", G H "X\0: ab" PE, "nul_byte"),
    A("NUL in the target", "GET /a\0b HTTP/1.1\r\n" H "\r\n", "nul_byte"),
    A("NUL in the method", "G\0T / HTTP/1.1\r\n" H "\r\n", "nul_byte"),
    A("NUL first", "\0GET / HTTP/1.1\r\n" H "\r\n", "nul_byte"),
    A("escape in a value", G H "X: \x1b[2J" PE, "control_byte"),
    A("vertical tab in a name", G H "Transfer-Encoding\x0b: chunked" PE, "control_byte"),
    A("DEL in a value", G H "X: a\x7f" PE, "control_byte"),
    A("a TLS hello on a plain port", "\x16\x03\x01\x02\x01\x01\xfc\x03\x03", "control_byte"),
    A("tab in the target", "GET /a\tb HTTP/1.1\r\n" H "\r\n", "bad_request_line"),

    /* the request line */
    A("space first", " GET / HTTP/1.1\r\n" H "\r\n", "bad_request_line"),
    A("two spaces after the method", "GET  / HTTP/1.1\r\n" H "\r\n", "bad_request_line"),
    A("two spaces before the version", "GET /  HTTP/1.1\r\n" H "\r\n", "bad_request_line"),
    A("tab after the method", "GET\t/ HTTP/1.1\r\n" H "\r\n", "bad_request_line"),
    A("tab before the version", "GET /\tHTTP/1.1\r\n" H "\r\n", "bad_request_line"),
    A("space behind the version", "GET / HTTP/1.1 \r\n" H "\r\n", "bad_request_line"),
    A("HTTP/0.9", "GET /\r\n", "bad_request_line"),
    A("no version, a space", "GET / \r\n" H "\r\n", "bad_request_line"),
    A("method alone", "GET\r\n" H "\r\n", "bad_request_line"),
    A("a space in the target", "GET /a b HTTP/1.1\r\n" H "\r\n", "bad_version"),
    A("lower-case version", "GET / http/1.1\r\n" H "\r\n", "bad_version"),
    A("version with three parts", "GET / HTTP/1.1.1\r\n" H "\r\n", "bad_version"),
    A("version of two digits", "GET / HTTP/1.10\r\n" H "\r\n", "bad_version"),
    A("version with a letter", "GET / HTTP/1.x\r\n" H "\r\n", "bad_version"),
    A("version with a comma", "GET / HTTP/1,1\r\n" H "\r\n", "bad_version"),
    A("version cut short", "GET / HTTP/1\r\n" H "\r\n", "bad_version"),
    A("version with leading zero", "GET / HTTP/01.1\r\n" H "\r\n", "bad_version"),
    A("another protocol", "GET / ICY/1.1\r\n" H "\r\n", "bad_version"),
    A("HTTP/1.2", "GET / HTTP/1.2\r\n" H "\r\n", "unsupported_version"),
    A("HTTP/0.9 in words", "GET / HTTP/0.9\r\n" H "\r\n", "unsupported_version"),
    A("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "bad_target"),
    A("HTTP/2.0", "GET / HTTP/2.0\r\n" H "\r\n", "unsupported_version"),
    A("bracket in the method", "GE(T / HTTP/1.1\r\n" H "\r\n", "bad_method"),
    A("colon in the method", "GET: / HTTP/1.1\r\n" H "\r\n", "bad_method"),
    A("non-ASCII method", "G\xc3\x89T / HTTP/1.1\r\n" H "\r\n", "bad_method"),
    A("method of 33 letters", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n", "bad_method"),

    /* targets */
    A("fragment", "GET /a#b HTTP/1.1\r\n" H "\r\n", "bad_target"),
    A("backslash in the path", "GET /a\\b HTTP/1.1\r\n" H "\r\n", "bad_target"),
    A("backslash first", "GET \\a HTTP/1.1\r\n" H "\r\n", "bad_target"),
    A("non-ASCII path", "GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", "bad_target"),
    A("non-ASCII query", "GET /?\xff HTTP/1.1\r\n" H "\r\n", "bad_target"),
    A("angle brackets", "GET /<script> HTTP/1.1\r\n" H "\r\n", "bad_target"),
    A("quote", "GET /\" HTTP/1.1\r\n" H "\r\n", "bad_target"),
    A("no slash first", "GET a HTTP/1.1\r\n" H "\r\n", "bad_target"),
    A("query without path", "GET ?a HTTP/1.1\r\n" H "\r\n", "bad_target"),
    A("host:port for GET", "GET a:80 HTTP/1.1\r\n" H "\r\n", "bad_target"),
    A("asterisk for GET", "GET * HTTP/1.1\r\n" H "\r\n", "bad_target"),
    A("asterisk and more", "OPTIONS *a HTTP/1.1\r\n" H "\r\n", "bad_target"),
    A("unknown scheme", "GET ftp://a/ HTTP/1.1\r\n" H "\r\n", "bad_target"),
    A("scheme without host", "GET http:///a HTTP/1.1\r\n" H "\r\n", "bad_target"),
    A("scheme alone", "GET http:// HTTP/1.1\r\n" H "\r\n", "bad_target"),
    A("one slash", "GET http:/a HTTP/1.1\r\n" H "\r\n", "bad_target"),
    A("user in the target", "GET http://u@a/ HTTP/1.1\r\n" H "\r\n", "bad_target"),
    A("user and password", "GET http://u:p@a/ HTTP/1.1\r\n" H "\r\n", "bad_target"),
    A("port of letters", "GET http://a:b/ HTTP/1.1\r\n" H "\r\n", "bad_target"),
    A("backslash in the host", "GET http://a\\@b/ HTTP/1.1\r\n" H "\r\n", "bad_target"),
    A("CONNECT to a path", "CONNECT / HTTP/1.1\r\n" H "\r\n", "bad_target"),
    A("CONNECT without port", "CONNECT a HTTP/1.1\r\n" H "\r\n", "bad_target"),
    A("CONNECT to a URL", "CONNECT http://a:80 HTTP/1.1\r\n" H "\r\n", "bad_target"),

    /* hosts */
    A("no Host", "GET / HTTP/1.1\r\n\r\n", "missing_host"),
    A("no Host, absolute target", "GET http://a/ HTTP/1.1\r\n\r\n", "missing_host"),
    A("two Hosts", G H "Host: b" PE, "repeated_host"),
    A("two equal Hosts", G H H "\r\n", "repeated_host"),
    A("two Hosts of different case", G H "hOST: a" PE, "repeated_host"),
    A("empty Host", G "Host:" PE, "bad_host"),
    A("Host of white space", G "Host: \t " PE, "bad_host"),
    A("space in Host", G "Host: a b" PE, "bad_host"),
    A("comma in Host", G "Host: a,b" PE, "bad_host"),
    A("slash in Host", G "Host: a/b" PE, "bad_host"),
    A("user in Host", G "Host: u@a" PE, "bad_host"),
    A("escape in Host", G "Host: a%2e" PE, "bad_host"),
    A("non-ASCII Host", G "Host: \xc3\xa9" PE, "bad_host"),
    A("port too large", G "Host: a:65536" PE, "bad_host"),
    A("port of letters", G "Host: a:http" PE, "bad_host"),
    A("port empty", G "Host: a:" PE, "bad_host"),
    A("two ports", G "Host: a:80:80" PE, "bad_host"),
    A("port alone", G "Host: :80" PE, "bad_host"),
    A("dot first", G "Host: .a" PE, "bad_host"),
    A("two dots", G "Host: a..b" PE, "bad_host"),
    A("dots alone", G "Host: .." PE, "bad_host"),
    A("bracket left open", G "Host: [::1" PE, "bad_host"),
    A("text behind the bracket", G "Host: [::1]a" PE, "bad_host"),
    A("no address in brackets", G "Host: [a]" PE, "bad_host"),
    A("address without brackets", G "Host: ::1" PE, "bad_host"),
    A("Host against the target", "GET http://b/ HTTP/1.1\r\n" H "\r\n", "bad_host"),
    A("Host's port against the target", "GET http://a:81/ HTTP/1.1\r\n" H "\r\n", "bad_host"),
    A("Host against CONNECT", "CONNECT b:443 HTTP/1.1\r\n" H "\r\n", "bad_host"),
    A("bad Host in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a b" PE, "bad_host"),

    /* names */
    A("space before the colon", G H "Content-Length : 5" PE, "space_before_colon"),
    A("tab before the colon", G H "Content-Length\t: 5" PE, "space_before_colon"),
    A("space inside a name", G H "Content Length: 5" PE, "space_before_colon"),
    A("empty name", G H ": x" PE, "bad_field_name"),
    A("no colon", G H "Content-Length" PE, "bad_field_name"),
    A("space before the first name", G " Host: a" PE, "bad_field_name"),
    A("tab before the first name", G "\tHost: a" PE, "bad_field_name"),
    A("bracket in a name", G H "X(y): a" PE, "bad_field_name"),
    A("quotes around a name", G H "\"Content-Length\": 5" PE, "bad_field_name"),
    A("non-ASCII name", G H "X\xe9: a" PE, "bad_field_name"),
    A("slash in a name", G H "X/y: a" PE, "bad_field_name"),
    A("at in a name", G H "X@y: a" PE, "bad_field_name"),
    A("folded line", G H "X: a\r\n b" PE, "obs_fold"),
    A("line folded by tab", G H "X: a\r\n\tb" PE, "obs_fold"),
    A("folded empty line", G H "X: a\r\n \r\n\r\n", "obs_fold"),
    A("folded framing", P "Transfer-Encoding:\r\n chunked" PE, "bad_transfer_encoding"),
    A("folded framing, too late", P "Transfer-Encoding: chunked\r\n , x" PE, "obs_fold"),
    A("underscore twin", P "Content_Length: 5" PE, "bad_field_name"),
    A("underscore twin in capitals", P "TRANSFER_ENCODING: chunked" PE, "bad_field_name"),
    A("half a twin", G H "X_Forwarded-For: 1.2.3.4" PE, "bad_field_name"),

    /* Content-Length */
    A("plus", P "Content-Length: +5" PE, "bad_content_length"),
    A("minus", P "Content-Length: -5" PE, "bad_content_length"),
    A("inner space", P "Content-Length: 5 5" PE, "bad_content_length"),
    A("hexadecimal", P "Content-Length: 0x5" PE, "bad_content_length"),
    A("letters", P "Content-Length: five" PE, "bad_content_length"),
    A("empty", P "Content-Length:" PE, "bad_content_length"),
    A("list of equals", P "Content-Length: 5, 5" PE, "bad_content_length"),
    A("list", P "Content-Length: 5,6" PE, "bad_content_length"),
    A("fraction", P "Content-Length: 5.0" PE, "bad_content_length"),
    A("exponent", P "Content-Length: 1e3" PE, "bad_content_length"),
    A("quoted", P "Content-Length: \"5\"" PE, "bad_content_length"),
    A("superscript digit", P "Content-Length: \xb2" PE, "bad_content_length"),
    A("2^63", P "Content-Length: 9223372036854775808" PE, "bad_content_length"),
    A("2^64", P "Content-Length: 18446744073709551616" PE, "bad_content_length"),
    A("2^64 + 5", P "Content-Length: 18446744073709551621" PE, "bad_content_length"),
    A("very long", P "Content-Length: 99999999999999999999999999999999" PE, "bad_content_length"),
    A("repeated", P "Content-Length: 5\r\nContent-Length: 6" PE, "repeated_content_length"),
    A("repeated, equal", P "Content-Length: 5\r\nContent-Length: 5" PE, "repeated_content_length"),
    A("repeated, other case", P "Content-Length: 5\r\ncontent-LENGTH: 5" PE,
        "repeated_content_length"),

    /* Transfer-Encoding */
    A("CL then TE", P "Content-Length: 5\r\nTransfer-Encoding: chunked" PE, "length_with_chunked"),
    A("TE then CL", P "Transfer-Encoding: chunked\r\nContent-Length: 5" PE, "length_with_chunked"),
    A("CL of 0 with TE", P "Content-Length: 0\r\nTransfer-Encoding: chunked" PE,
        "length_with_chunked"),
    A("chunked twice in a list", P "Transfer-Encoding: chunked, chunked" PE,
        "bad_transfer_encoding"),
    A("chunked twice in two lines", P "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked" PE,
        "bad_transfer_encoding"),
    A("chunked, then identity", P "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity" PE,
        "bad_transfer_encoding"),
    A("chunked is not last", P "Transfer-Encoding: chunked, gzip" PE, "bad_transfer_encoding"),
    A("comma behind chunked", P "Transfer-Encoding: chunked," PE, "bad_transfer_encoding"),
    A("comma before chunked", P "Transfer-Encoding: ,chunked" PE, "bad_transfer_encoding"),
    A("empty TE", P "Transfer-Encoding:" PE, "bad_transfer_encoding"),
    A("quoted TE", P "Transfer-Encoding: \"chunked\"" PE, "bad_transfer_encoding"),
    A("quote in TE", P "Transfer-Encoding: 'chunked'" PE, "unknown_transfer_encoding"),
    A("parameter of TE", P "Transfer-Encoding: chunked;q=1" PE, "bad_transfer_encoding"),
    A("TE with vertical tab", P "Transfer-Encoding:\x0b" "chunked" PE, "control_byte"),
    A("TE behind a form feed", P "Transfer-Encoding: chunked\x0c" PE, "control_byte"),
    A("TE behind a no-break space", P "Transfer-Encoding: \xa0" "chunked" PE,
        "bad_transfer_encoding"),
    A("TE before a byte of obs-text", P "Transfer-Encoding: chunked\xff" PE,
        "bad_transfer_encoding"),
    A("inner space in TE", P "Transfer-Encoding: chun ked" PE, "bad_transfer_encoding"),
    A("xchunked", P "Transfer-Encoding: xchunked" PE, "unknown_transfer_encoding"),
    A("gzip, chunked", P "Transfer-Encoding: gzip, chunked" PE, "unknown_transfer_encoding"),
    A("gzip", P "Transfer-Encoding: gzip" PE, "unknown_transfer_encoding"),
    A("identity", P "Transfer-Encoding: identity" PE, "unknown_transfer_encoding"),
    A("TE in HTTP/1.0", "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked" PE,
        "transfer_encoding_in_1_0"),

    /* Connection, Expect, Upgrade */
    A("Connection takes Content-Length", P "Connection: close, Content-Length" PE,
        "bad_field_value"),
    A("Connection takes Host", P "Connection: host" PE, "bad_field_value"),
    A("Connection takes TE", P "Connection: Transfer-Encoding" PE, "bad_field_value"),
    A("no token in Connection", P "Connection: a b" PE, "bad_field_value"),
    A("quotes in Connection", P "Connection: \"close\"" PE, "bad_field_value"),
    A("33 names in Connection", P "Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,"
        "aa,ab,ac,ad,ae,af,ag" PE, "bad_field_value"),
    A("another expectation", P "Expect: 200-ok" PE, "bad_expect"),
    A("two expectations", P "Expect: 100-continue, x" PE, "bad_expect"),
    A("empty expectation", P "Expect:" PE, "bad_expect"),
    A("repeated expectation", P "Expect: 100-continue\r\nExpect: 100-continue" PE, "bad_expect"),
    A("no token in Upgrade", G H "Upgrade: web socket" PE, "bad_upgrade"),
    A("empty Upgrade", G H "Upgrade:" PE, "bad_upgrade"),
    A("two Upgrades", G H "Upgrade: a\r\nUpgrade: b" PE, "bad_upgrade"),
    A("empty protocol version", G H "Upgrade: a/" PE, "bad_upgrade"),

    /* limits */
    A("17 fields", G "1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9:\r\n10:\r\n11:\r\n12:\r\n13:\r\n"
        "14:\r\n15:\r\n16:\r\n17:" PE, "too_many_fields"),

    /* what is wrong first is said, though more is wrong further on */
    A("a bad Host before a NUL", G "Host: a b\r\nX: \0\r\n\r\n", "bad_host"),
    A("a NUL before a bad Host", G "X: \0\r\nHost: a b\r\n\r\n", "nul_byte"),
};

static void attacks_are_refused_with_their_word(void)
{
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        struct outcome o = feed_request(attacks[i].bytes, &limits);

        if (o.result != -1 || strcmp(h1_error_word(o.error), attacks[i].word) != 0) {
            check_failures++;
            fprintf(stderr, "%s: %s, not %s\n", attacks[i].name,
                o.result == -1 ? h1_error_word(o.error) : "accepted", attacks[i].word);
        }
    }
}

TESTS(CASE(attacks_are_refused_with_their_word))
