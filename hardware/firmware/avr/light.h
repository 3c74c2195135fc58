/* The light's side of hardware/protocol.md: what it hears, what it answers, what it shows.
 *
 * In here are no pins, no wire and no clock; main.c has them.
 */
#ifndef LIGHT_H
#define LIGHT_H

#include <stdbool.h>
#include <stdint.h>

enum channel { RED, AMBER, GREEN, BUZZER, CHANNELS };

#define LONGEST_LINE 120 /* bytes, without the line feed */
#define MOST_TIMES     8

/* What one channel shows. No times: steady. One: a breath of so many milliseconds.
 * More: on, off, on, off, in milliseconds. Bytes that are not used are 0. */
struct stroke {
    uint8_t level; /* per cent */
    uint8_t count;
    uint16_t times[MOST_TIMES];
};

struct light {
    struct stroke strokes[CHANNELS];
    uint8_t steps[CHANNELS];    /* which of its times a stroke is in */
    uint16_t passed[CHANNELS];  /* milliseconds of that time, or of the breath */
    uint32_t patience;          /* milliseconds until the host is lost; 0: nobody is waited for */
    char line[LONGEST_LINE + 1];
    uint8_t length;
    const char *fault;          /* what is wrong with the line already */
    bool strict;                /* a line without a checksum is half a line */
};

/* Begin: nobody has said anything, so the host is lost. */
void light_begin(struct light *light);

/* What a light says when it has started, and when it is asked. */
const char *light_ready(void);

/* Take one byte. Returns the answer once a line has ended, else NULL. */
const char *light_hear(struct light *light, uint8_t byte);

/* Let a millisecond pass. */
void light_tick(struct light *light);

/* Return how bright a channel is now, in per cent. */
uint8_t light_level(const struct light *light, enum channel channel);

#endif
