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

#define A(name, bytes, word)                                                                       \
    {                                                                                              \
        name, { bytes, sizeof(bytes) - 1 }, word                                                   \
    }

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
    A("port of six digits", G "Host: a:000080" PE, "bad_host"),
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
    A("TE with vertical tab",
        P "Transfer-Encoding:\x0b"
          "chunked" PE,
        "control_byte"),
    A("TE behind a form feed", P "Transfer-Encoding: chunked\x0c" PE, "control_byte"),
    A("TE behind a no-break space",
        P "Transfer-Encoding: \xa0"
          "chunked" PE,
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
    A("33 names in Connection",
        P "Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,"
          "aa,ab,ac,ad,ae,af,ag" PE,
        "bad_field_value"),
    A("another expectation", P "Expect: 200-ok" PE, "bad_expect"),
    A("two expectations", P "Expect: 100-continue, x" PE, "bad_expect"),
    A("empty expectation", P "Expect:" PE, "bad_expect"),
    A("repeated expectation", P "Expect: 100-continue\r\nExpect: 100-continue" PE, "bad_expect"),
    A("no token in Upgrade", G H "Upgrade: web socket" PE, "bad_upgrade"),
    A("empty Upgrade", G H "Upgrade:" PE, "bad_upgrade"),
    A("two Upgrades", G H "Upgrade: a\r\nUpgrade: b" PE, "bad_upgrade"),
    A("empty protocol version", G H "Upgrade: a/" PE, "bad_upgrade"),

    /* limits */
    A("17 fields",
        G "1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9:\r\n10:\r\n11:\r\n12:\r\n13:\r\n"
          "14:\r\n15:\r\n16:\r\n17:" PE,
        "too_many_fields"),

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

struct reading {
    struct str bytes;
    const char *read;
};

#define R(bytes, read)                                                                             \
    {                                                                                              \
        { bytes, sizeof(bytes) - 1 }, read                                                         \
    }

static const struct reading readings[] = {
    R(G H "\r\n", "GET / at a, 1.1 none, keep"),
    R("\r\n\r\n" G H "\r\n", "GET / at a, 1.1 none, keep"),
    R("GET /a/b?c=d&e HTTP/1.1\r\n" H "\r\n", "GET /a/b?c=d&e at a, 1.1 none, keep"),
    R("GET /? HTTP/1.1\r\n" H "\r\n", "GET /? at a, 1.1 none, keep"),
    R("GET /a?b?c HTTP/1.1\r\n" H "\r\n", "GET /a?b?c at a, 1.1 none, keep"),
    R("GET //a HTTP/1.1\r\n" H "\r\n", "GET //a at a, 1.1 none, keep"),
    R("GET /a?b=\\\\c\\ HTTP/1.1\r\n" H "\r\n", "GET /a?b=\\\\c\\ at a, 1.1 none, keep"),
    R("GET /[a]|{b}^`?[c]|{d}^` HTTP/1.1\r\n" H "\r\n",
        "GET /[a]|{b}^`?[c]|{d}^` at a, 1.1 none, keep"),
    R("GET /%41%zz HTTP/1.1\r\n" H "\r\n", "GET /%41%zz at a, 1.1 none, keep"),
    R("M-SEARCH / HTTP/1.1\r\n" H "\r\n", "M-SEARCH / at a, 1.1 none, keep"),
    R("get / HTTP/1.1\r\n" H "\r\n", "get / at a, 1.1 none, keep"),

    /* the other forms of a target */
    R("GET http://a/b?c HTTP/1.1\r\n" H "\r\n", "GET /b?c at a, 1.1 none, keep"),
    R("GET HTTP://A/b HTTP/1.1\r\n" H "\r\n", "GET /b at A, 1.1 none, keep"),
    R("GET http://a:80/ HTTP/1.1\r\n" H "\r\n", "GET / at a:80, 1.1 none, keep"),
    R("GET https://a:443 HTTP/1.1\r\n" H "\r\n", "GET / at a:443, 1.1 none, keep"),
    R("GET http://a?b HTTP/1.1\r\n" H "\r\n", "GET /?b at a, 1.1 none, keep"),
    R("GET http://[::1]:8080/ HTTP/1.1\r\nHost: [::1]:8080" PE,
        "GET / at [::1]:8080, 1.1 none, keep"),
    R("OPTIONS * HTTP/1.1\r\n" H "\r\n", "OPTIONS * at a, 1.1 none, keep"),
    R("OPTIONS http://a HTTP/1.1\r\n" H "\r\n", "OPTIONS * at a, 1.1 none, keep"),
    R("OPTIONS http://a/ HTTP/1.1\r\n" H "\r\n", "OPTIONS / at a, 1.1 none, keep"),
    R("CONNECT a:443 HTTP/1.1\r\nHost: a:443" PE, "CONNECT  at a:443, 1.1 none, keep"),
    R("CONNECT a:443 HTTP/1.1\r\n" H "\r\n", "CONNECT  at a:443, 1.1 none, keep"),

    /* hosts */
    R(G "Host: my_app.example.com:8080" PE, "GET / at my_app.example.com:8080, 1.1 none, keep"),
    R(G "Host: example.com." PE, "GET / at example.com., 1.1 none, keep"),
    R(G "Host:\t 127.0.0.1 \t" PE, "GET / at 127.0.0.1, 1.1 none, keep"),
    R(G "host:a" PE, "GET / at a, 1.1 none, keep"),

    /* HTTP/1.0 */
    R("GET / HTTP/1.0" PE, "GET / at , 1.0 none, close"),
    R("GET / HTTP/1.0\r\n" H "Connection: Keep-Alive" PE, "GET / at a, 1.0 none, keep"),
    R("GET / HTTP/1.0\r\nConnection: keep-alive, close" PE, "GET / at , 1.0 none, close"),
    R("POST / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue" PE,
        "POST / at , 1.0 length 3, close"),
    R("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket" PE,
        "GET / at , 1.0 none, close"),

    /* framing */
    R(P "Content-Length: 0" PE, "POST / at a, 1.1 length 0, keep"),
    R(P "Content-Length: 00042" PE, "POST / at a, 1.1 length 42, keep"),
    R(P "content-length:9223372036854775807\t" PE,
        "POST / at a, 1.1 length 9223372036854775807, keep"),
    R(P "Transfer-Encoding: chunked" PE, "POST / at a, 1.1 chunked, keep"),
    R(P "TRANSFER-ENCODING:\tCHUNKED \t" PE, "POST / at a, 1.1 chunked, keep"),
    R("GET / HTTP/1.1\r\n" H "Content-Length: 4" PE, "GET / at a, 1.1 length 4, keep"),

    /* Connection, Expect, Upgrade */
    R(G H "Connection: close" PE, "GET / at a, 1.1 none, close"),
    R(G H "Connection: ,keep-alive,, X-One ,\r\nX-Two: 2\r\nx-one: 1\r\nCONNECTION: x-TWO" PE,
        "GET / at a, 1.1 none, keep, hop X-Two, hop x-one"),
    R(G H "Connection: Cookie, X-Forwarded-For\r\nCookie: a=b\r\nX-Forwarded-For: 1.2.3.4" PE,
        "GET / at a, 1.1 none, keep"),
    R(P "Expect: 100-Continue\r\nContent-Length: 1" PE, "POST / at a, 1.1 length 1, keep, expect"),
    R(P "Expect: 100-continue\r\nTransfer-Encoding: chunked" PE,
        "POST / at a, 1.1 chunked, keep, expect"),
    R(P "Expect: 100-continue" PE, "POST / at a, 1.1 none, keep"),
    R(P "Expect: 100-continue\r\nContent-Length: 0" PE, "POST / at a, 1.1 length 0, keep"),
    R(G H "Connection: Upgrade\r\nUpgrade: websocket" PE,
        "GET / at a, 1.1 none, keep, upgrade websocket"),
    R(G H "Connection: keep-alive, Upgrade\r\nUpgrade: a/1, b" PE,
        "GET / at a, 1.1 none, keep, upgrade a/1, b"),
    R(G H "Upgrade: websocket" PE, "GET / at a, 1.1 none, keep"),
    R(P "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 3" PE,
        "POST / at a, 1.1 length 3, keep"),
    R(G H "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA" PE,
        "GET / at a, 1.1 none, keep, hop HTTP2-Settings"),

    /* harmless oddities */
    R(G H "X:" PE, "GET / at a, 1.1 none, keep"),
    R(G H "!#$%&'*+-.^_`|~: x" PE, "GET / at a, 1.1 none, keep"),
    R(G H "X: \x80\xff\t(\"" PE, "GET / at a, 1.1 none, keep"),
    R(G H "X_Custom: 1" PE, "GET / at a, 1.1 none, keep"),
    R(G H "User_Agent: 1" PE, "GET / at a, 1.1 none, keep"),
    R(G "1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9:\r\n10:\r\n11:\r\n"
        "12:\r\n13:\r\n14:\r\n15:\r\n" H "\r\n",
        "GET / at a, 1.1 none, keep"),
};

static void good_requests_are_read_as_meant(void)
{
    struct buf b;

    buf_init(&b, 4096);
    for (size_t i = 0; i < sizeof(readings) / sizeof(readings[0]); i++) {
        struct outcome o = feed_request(readings[i].bytes, &limits);

        CHECK_STR(str_from(describe_request(&o, &b)), readings[i].read);
        CHECK_U64(o.result, readings[i].bytes.len);
        CHECK_U64(o.head.head_len, readings[i].bytes.len);
    }
    buf_free(&b);
}

static void what_follows_the_head_is_left_alone(void)
{
    struct outcome o = feed_request(STR(G H "\r\n\0\n\r bad bytes \n\n"), &limits);

    CHECK_U64(o.result, sizeof(G H "\r\n") - 1);
}

/*
 * Each of these can become nothing good: with its last byte, and not before,
 * it must be refused.
 */
static const struct attack early[] = {
    A("space first", " ", "bad_request_line"),
    A("LF first", "\n", "bare_lf"),
    A("control byte first", "\x16", "control_byte"),
    A("third empty line", "\r\n\r\n\r\n", "bad_request_line"),
    A("method of 33 letters", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG", "bad_method"),
    A("byte in the method", "G@", "bad_method"),
    A("second space", "GET  ", "bad_request_line"),
    A("fragment", "GET /#", "bad_target"),
    A("backslash", "GET /a\\", "bad_target"),
    A("high byte", "GET /\xc3", "bad_target"),
    A("wrong form", "GET a ", "bad_target"),
    A("wrong protocol", "GET / HTTPS", "bad_version"),
    A("wrong version", "GET / HTTP/1.2", "unsupported_version"),
    A("space behind the version", "GET / HTTP/1.1 ", "bad_request_line"),
    A("bare LF", "GET / HTTP/1.1\n", "bare_lf"),
    A("bare CR", "GET / HTTP/1.1\rX", "bare_cr"),
    A("space before the first name", G " ", "bad_field_name"),
    A("fold", G H " ", "obs_fold"),
    A("empty name", G ":", "bad_field_name"),
    A("space before the colon", G "Host ", "space_before_colon"),
    A("name without colon", G "Host\r\n", "bad_field_name"),
    A("byte in a name", G "Ho(", "bad_field_name"),
    A("NUL in a value", G "X: a\0", "nul_byte"),
    A("control byte in a value", G "X: a\x01", "control_byte"),
    A("LF in a value", G "X: a\n", "bare_lf"),
    A("CR in a value", G "X: a\rb", "bare_cr"),
    A("bad Host", G "Host: a b\r\n", "bad_host"),
    A("second Host", G H H, "repeated_host"),
    A("bad length", P "Content-Length: 5, 5\r\n", "bad_content_length"),
    A("second length", P "Content-Length: 5\r\nContent-Length: 5\r\n", "repeated_content_length"),
    A("both framings", P "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "length_with_chunked"),
    A("unknown coding", P "Transfer-Encoding: gzip\r\n", "unknown_transfer_encoding"),
    A("bad expectation", P "Expect: x\r\n", "bad_expect"),
    A("empty line without Host", G "\r\n", "missing_host"),
    A("CR LF is not CR X", G H "\rX", "bare_cr"),
};

static void errors_are_found_with_the_byte_that_makes_them(void)
{
    for (size_t i = 0; i < sizeof(early) / sizeof(early[0]); i++) {
        struct str all = early[i].bytes;
        struct outcome before = feed_request((struct str){ all.at, all.len - 1 }, &limits);
        struct outcome o = feed_request(all, &limits);

        if (before.result != 0 || o.result != -1 ||
            strcmp(h1_error_word(o.error), early[i].word) != 0) {
            check_failures++;
            fprintf(stderr, "%s: %s before the last byte, then %s\n", early[i].name,
                h1_error_word(before.error), h1_error_word(o.error));
        }
    }
}

/* max bytes of it are fine, one more is refused with the word when that byte is there. */
static void check_limit(struct str bytes, struct h1_limits l, const char *word)
{
    struct outcome o = feed_request(bytes, &l);

    CHECK(o.result == -1);
    CHECK_STR(str_from(h1_error_word(o.error)), word);
}

static void limits_hold_while_a_line_is_still_coming(void)
{
    static const char target[] = "GET /aaaaaaa";
    static const char head[] = G H "X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct h1_limits l = { .max_head = 1000, .max_uri = 7, .max_fields = 2 };
    struct outcome o;

    check_limit(BYTES(target), l, "uri_too_long");
    l.max_uri = 8;
    CHECK(feed_request(BYTES(target), &l).result == 0);
    check_limit(STR("GET /aaaaaaaa"), l, "uri_too_long");
    check_limit(STR("GET /aaaaaaaa HTTP/1.1\r\n" H "\r\n"), l, "uri_too_long");
    CHECK(feed_request(STR("GET /aaaaaaa HTTP/1.1\r\n" H "\r\n"), &l).result > 0);
    l.max_head = sizeof(head) - 1;
    check_limit(BYTES(head), l, "head_too_large");
    l.max_head++;
    CHECK(feed_request(BYTES(head), &l).result == 0);
    l.max_head = sizeof(G H "\r\n") - 1;
    o = feed_request(STR(G H "\r\n"), &l);
    CHECK(o.result > 0);
    o = feed_request(STR("\r\n\r\n" G H "\r\n"), &l); /* empty lines before it do not count */
    CHECK(o.result > 0);
    l.max_head--;
    check_limit(STR(G H "\r\n"), l, "head_too_large");
    check_limit(STR("\r\n" G H "\r\n"), l, "head_too_large");
    l.max_head = 1000;
    CHECK(feed_request(STR(G H "X: 1\r\n"), &l).result == 0);
    check_limit(STR(G H "X: 1\r\nY"), l, "too_many_fields");
}

static void a_head_can_be_asked_for_its_fields(void)
{
    static const char bytes[] = G H "X-Forwarded-For: 1.1.1.1\r\nX-A: 1\r\nx-a: 2\r\n"
                                    "X-FORWARDED-FOR: 2.2.2.2, 3.3.3.3\r\nVia: 1.1 x\r\n\r\n";
    struct outcome o = feed_request(BYTES(bytes), &limits);
    struct h1_head *h = &o.head;
    char to[64];

    h->fields = o.fields;
    CHECK_STR(h1_get(h, HTTP_HOST), "a");
    CHECK(h1_get(h, HTTP_COOKIE).at == NULL);
    CHECK_STR(h1_find(h, STR("X-a")), "1");
    CHECK_STR(h1_find(h, STR("VIA")), "1.1 x");
    CHECK(h1_find(h, STR("X-B")).at == NULL);
    CHECK_STR(h1_join(h, HTTP_X_FORWARDED_FOR, to, sizeof(to)), "1.1.1.1, 2.2.2.2, 3.3.3.3");
    CHECK(h1_join(h, HTTP_X_FORWARDED_FOR, to, 10).at == NULL);
    CHECK(h1_join(h, HTTP_VIA, to, 0).at == h1_get(h, HTTP_VIA).at);
    CHECK(h1_join(h, HTTP_COOKIE, to, sizeof(to)).at == NULL);
}

static void every_error_has_a_word_and_a_status(void)
{
    for (unsigned e = H1_OK + 1; e < H1_ERROR_COUNT; e++) {
        unsigned status = h1_error_status((enum h1_error)e);

        CHECK(strlen(h1_error_word((enum h1_error)e)) > 3);
        CHECK(status >= 400 && status < 600);
    }
    CHECK_U64(h1_error_status(H1_BAD_EXPECT), 417);
    CHECK_U64(h1_error_status(H1_UNKNOWN_TRANSFER_ENCODING), 501);
}

TESTS(CASE(attacks_are_refused_with_their_word), CASE(good_requests_are_read_as_meant),
    CASE(what_follows_the_head_is_left_alone), CASE(errors_are_found_with_the_byte_that_makes_them),
    CASE(limits_hold_while_a_line_is_still_coming), CASE(a_head_can_be_asked_for_its_fields),
    CASE(every_error_has_a_word_and_a_status))
