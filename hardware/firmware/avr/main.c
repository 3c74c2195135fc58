/* A buildlight lamp on an ATmega328P: Arduino Uno or Nano. The pins stand in pins.h.
 *
 * One interrupt, 20,000 times a second, dims the channels and counts milliseconds; one takes
 * bytes from the wire. All else is done in main, which the watchdog watches: a program that
 * hangs starts anew, and shows that it has lost its host.
 */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <avr/wdt.h>
#include <stddef.h>

#include "light.h"
#include "pins.h"

#ifndef F_CPU
#define F_CPU 16000000uL
#endif

#define BAUD 38400 /* 0.2 % off at 16 MHz; 115200 would be 2.1 % */
#include <util/setbaud.h>

#define SLOTS      100u /* steps of brightness; each round of them takes 5 ms */
#define FREQUENCY 20000u
#define GARBLED   0xFF
#define HEARD_SIZE 128u /* a power of two */

_Static_assert(RED_PIN >= 2 && RED_PIN <= 13 && AMBER_PIN >= 2 && AMBER_PIN <= 13 &&
               GREEN_PIN >= 2 && GREEN_PIN <= 13 && BUZZER_PIN >= 2 && BUZZER_PIN <= 13,
               "the pins of the lamp are D2 to D13");

static struct light light;
static volatile uint8_t levels[CHANNELS];
static volatile uint8_t ticks; /* milliseconds, modulo 256 */
static volatile uint8_t heard[HEARD_SIZE];
static volatile uint8_t heard_head;
static volatile uint8_t heard_tail;
static const char *saying; /* what is left of the answer; NULL: nothing is being said */

/* Pins. With a pin that the compiler knows, each of these is one instruction. */

static inline __attribute__((always_inline)) void put(uint8_t pin, bool high)
{
    volatile uint8_t *port = pin < 8 ? &PORTD : &PORTB;
    if (high)
        *port |= _BV(pin & 7);
    else
        *port &= (uint8_t)~_BV(pin & 7);
}

static inline __attribute__((always_inline)) void make_output(uint8_t pin)
{
    volatile uint8_t *direction = pin < 8 ? &DDRD : &DDRB;
    *direction |= _BV(pin & 7);
}

static void begin_pins(void)
{
    make_output(RED_PIN);
    make_output(AMBER_PIN);
    make_output(GREEN_PIN);
    make_output(BUZZER_PIN);
}

/* Time and brightness. */

static void begin_clock(void)
{
    TCCR0A = _BV(WGM01);
    TCCR0B = _BV(CS01);
    OCR0A = F_CPU / 8 / FREQUENCY - 1;
    TIMSK0 = _BV(OCIE0A);
}

ISR(TIMER0_COMPA_vect)
{
    static uint8_t slot;
    static uint8_t part;
    put(RED_PIN, levels[RED] > slot);
    put(AMBER_PIN, levels[AMBER] > slot);
    put(GREEN_PIN, levels[GREEN] > slot);
    put(BUZZER_PIN, levels[BUZZER] > slot);
    if (++slot == SLOTS)
        slot = 0;
    if (++part == FREQUENCY / 1000) {
        part = 0;
        ticks++;
    }
}

static void pass_time(void)
{
    static uint8_t passed;
    if (passed == ticks)
        return;
    for (; passed != ticks; passed++)
        light_tick(&light);
    for (uint8_t channel = 0; channel < CHANNELS; channel++)
        levels[channel] = light_level(&light, channel);
    wdt_reset(); /* Here alone: neither main nor the clock may stop. */
}

/* The wire. */

static void begin_wire(void)
{
    UBRR0 = UBRR_VALUE;
#if USE_2X
    UCSR0A = _BV(U2X0);
#else
    UCSR0A = 0; /* A boot loader may have set it. */
#endif
    UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
    UCSR0B = _BV(RXCIE0) | _BV(RXEN0) | _BV(TXEN0);
}

ISR(USART_RX_vect)
{
    bool garbled = UCSR0A & (_BV(FE0) | _BV(DOR0));
    uint8_t byte = UDR0;
    uint8_t next = (heard_head + 1u) % HEARD_SIZE;
    if (next == heard_tail) { /* No room: the line before is spoilt, and said to be. */
        heard[(heard_head - 1u) % HEARD_SIZE] = GARBLED;
        return;
    }
    heard[heard_head] = garbled ? GARBLED : byte;
    heard_head = next;
}

static void listen(void)
{
    while (saying == NULL && heard_tail != heard_head) {
        saying = light_hear(&light, heard[heard_tail]);
        heard_tail = (heard_tail + 1u) % HEARD_SIZE;
    }
}

static void speak(void)
{
    if (saying == NULL || !(UCSR0A & _BV(UDRE0)))
        return;
    if (*saying) {
        UDR0 = (uint8_t)*saying++;
    } else {
        UDR0 = '\n';
        saying = NULL;
    }
}

/* The watchdog still runs after it has struck, and would strike again before main begins. */
void stop_watchdog(void) __attribute__((naked, used, section(".init3")));
void stop_watchdog(void)
{
    MCUSR = 0;
    wdt_disable();
}

int main(void)
{
    light_begin(&light);
    begin_pins();
    begin_clock();
    begin_wire();
    wdt_enable(WDTO_500MS);
    saying = light_ready();
    sei();
    for (;;) {
        pass_time();
        listen();
        speak();
        sleep_mode(); /* Until the next interrupt, 50 microseconds at the most. */
    }
}
