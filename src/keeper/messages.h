/*
 * messages - what may be said to the keeper, and its answers.
 *
 * All numbers are little-endian, all bodies of fixed layout.
 *
 *   edge -> keeper     KEEPER_SIGN         key_id 32 | scheme u16 | input ...
 *   keeper -> edge     KEEPER_SIGNED       signature ...          (id of the question)
 *                      KEEPER_NOT_SIGNED   reason word, text
 *   control -> keeper  KEEPER_FORGET       key_id 32
 *                      KEEPER_LIST         empty
 *   keeper -> control  KEEPER_KEY_LOADED   key_id 32 | algorithm word, text    (id of the load)
 *                      KEEPER_KEY_REFUSED  sentence, text
 *                      KEEPER_KEYS         n x key_id 32; again with the same id while n is 1,875
 *
 * Answers come in the order of the questions.  Where the layout or the scheme
 * is not one of these, the keeper ends the channel.
 */
#ifndef WEIR_KEEPER_MESSAGES_H
#define WEIR_KEEPER_MESSAGES_H

enum { KEEPER_SIGN_HEAD = 34 };

enum keeper_message {
    KEEPER_SIGN = 1,
    KEEPER_SIGNED,
    KEEPER_NOT_SIGNED,
    KEEPER_FORGET,
    KEEPER_LIST,
    KEEPER_KEY_LOADED,
    KEEPER_KEY_REFUSED,
    KEEPER_KEYS,
};

#endif
