// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * A Linux driver for vdev shmem, written as one for the real device would be: it finds the device by its PCI function or
 * by the device tree, attaches to one region, and exchanges numbered messages with other guests by interrupt.
 *
 *   insmod guest_shm.ko region=NAME
 *
 * Each device that it drives has these files in its folder below /sys/bus/{pci,platform}/drivers/guest_shm:
 *
 *   state  this client's index, who is connected (as bits), and what was counted: a name and a number in each line
 *   serve  write COUNT: answer the next COUNT messages
 *   ask    write PEER COUNT: send COUNT messages to that client, each when the one before has been answered
 */

#include <linux/cleanup.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#define DRIVER KBUILD_MODNAME
#define SIGNATURE 0x4d534732474d5651ULL
#define SHM_PAGE 4096UL /* the device's page size, not the kernel's */
#define PAGES 1 /* of a region that is not there yet */
#define CLIENTS 16
#define ANSWER_TIME HZ

/* Registers of the factory page. */
#define FACTORY_SIGNATURE 0x00
#define FACTORY_SHMEM 0x08
#define FACTORY_STATUS 0x14
#define FACTORY_SIZE 0x18
#define FACTORY_NAME 0x1c
#define NAME_BYTES 32

static char *region = "";
module_param(region, charp, 0444);
MODULE_PARM_DESC(region, "name of the region to attach to");

/* The control page. A read of status clears its low half. */
struct control {
	u32 status;
	u32 idx;
	u32 notify;
	u32 detach;
};

/* A message lies in the data pages where its sender's index says: one of each sender at a time. */
struct message {
	u32 receiver;
	u32 number; /* counted for each pair of sender and receiver, from 1 */
	u64 words[7];
};

struct counts {
	u64 taken; /* calls of the interrupt handler */
	u64 owned; /* those that were ours ... */
	u64 disowned; /* ... and those of another device on the line */
	u64 signals;
	u64 changes; /* of the set of members */
	u64 sent;
	u64 wrong; /* messages that were missed, or are not what was sent */
};

struct shm {
	void __iomem *factory;
	int irq;
	u32 index;
	struct mutex asking;
	wait_queue_head_t answered;

	spinlock_t lock; /* for what follows: status has one reader at a time */
	struct control *control; /* NULL when the region has been left */
	struct message *messages;
	u32 members;
	u32 serve;
	u32 sent[CLIENTS]; /* numbers of the last messages to and from each client */
	u32 received[CLIENTS];
	struct counts counts;
};

static u64 word(u32 sender, u32 number, size_t at)
{
	return ((u64)number << 32 | sender << 8 | at) * 0x9e3779b97f4a7c15ULL;
}

static void send(struct shm *shm, u32 receiver)
{
	struct message *message = &shm->messages[shm->index];
	size_t at;

	message->receiver = receiver;
	message->number = ++shm->sent[receiver];
	for (at = 0; at < ARRAY_SIZE(message->words); at++)
		message->words[at] = word(shm->index, message->number, at);
	shm->counts.sent++;
	/* The message is there before the other guest is notified. */
	wmb();
	WRITE_ONCE(shm->control->notify, BIT(receiver));
}

static bool as_sent(const struct shm *shm, u32 sender)
{
	const struct message *message = &shm->messages[sender];
	size_t at;

	if (message->receiver != shm->index || message->number != shm->received[sender])
		return false;
	for (at = 0; at < ARRAY_SIZE(message->words); at++)
		if (message->words[at] != word(sender, message->number, at))
			return false;
	return true;
}

static void receive(struct shm *shm, u32 sender)
{
	shm->counts.signals++;
	shm->received[sender]++;
	/* Nothing of the message is read before the signal was. */
	rmb();
	if (!as_sent(shm, sender))
		shm->counts.wrong++;
	if (shm->serve) {
		shm->serve--;
		send(shm, sender);
	}
}

static void change_members(struct shm *shm, u32 members)
{
	u32 client;

	shm->counts.changes++;
	/* Who comes or goes counts its messages from the beginning. */
	for (client = 0; client < CLIENTS; client++)
		if ((shm->members ^ members) & BIT(client))
			shm->sent[client] = shm->received[client] = 0;
	shm->members = members;
}

/* Read status, once, and do what it asks for. Tells whether it had anything new. */
static bool take_status(struct shm *shm)
{
	u32 status = READ_ONCE(shm->control->status);
	u32 senders = status & GENMASK(CLIENTS - 1, 0);
	u32 members = status >> CLIENTS;
	u32 sender;

	if (!senders && members == shm->members)
		return false;
	if (members != shm->members)
		change_members(shm, members);
	for (sender = 0; sender < CLIENTS; sender++)
		if (senders & BIT(sender))
			receive(shm, sender);
	return true;
}

static irqreturn_t handle_interrupt(int irq, void *data)
{
	struct shm *shm = data;

	guard(spinlock)(&shm->lock);
	shm->counts.taken++;
	if (!shm->control || !take_status(shm)) {
		shm->counts.disowned++;
		return IRQ_NONE;
	}
	shm->counts.owned++;
	wake_up(&shm->answered);
	return IRQ_HANDLED;
}

static int attach(struct device *dev, struct shm *shm)
{
	static const int errors[] = { 0, -EIO, -ENOMEM, -EUSERS, -EINVAL, -EACCES, -ENOENT };
	size_t at, length = strlen(region);
	u64 address;
	u32 status;

	if (!length || length >= NAME_BYTES)
		return dev_err_probe(dev, -EINVAL, "name a region of at most %d bytes: region=NAME\n", NAME_BYTES - 1);
	/* One byte at a time: this is no memory, and a copy that takes more at once may be refused. */
	for (at = 0; at <= length; at++)
		writeb(region[at], shm->factory + FACTORY_NAME + at);
	writel(PAGES, shm->factory + FACTORY_SIZE);
	status = readl(shm->factory + FACTORY_STATUS);
	if (status)
		return dev_err_probe(dev, status < ARRAY_SIZE(errors) ? errors[status] : -EIO,
				     "cannot attach to %s: status %u\n", region, status);
	address = readq(shm->factory + FACTORY_SHMEM);
	shm->control = memremap(address, (1 + readl(shm->factory + FACTORY_SIZE)) * SHM_PAGE, MEMREMAP_WB);
	if (!shm->control)
		return dev_err_probe(dev, -ENOMEM, "cannot map %s at %#llx\n", region, address);
	shm->messages = (void *)shm->control + SHM_PAGE;
	shm->index = READ_ONCE(shm->control->idx);
	return 0;
}

static void leave(struct shm *shm)
{
	struct control *control = shm->control;

	scoped_guard(spinlock_irq, &shm->lock) {
		WRITE_ONCE(control->detach, 1);
		shm->control = NULL;
	}
	memunmap(control);
}

static int start(struct device *dev, void __iomem *factory, int irq, unsigned long trigger)
{
	struct shm *shm;
	int error;

	if (readq(factory + FACTORY_SIGNATURE) != SIGNATURE)
		return dev_err_probe(dev, -ENODEV, "the factory page has no signature\n");
	shm = devm_kzalloc(dev, sizeof(*shm), GFP_KERNEL);
	if (!shm)
		return -ENOMEM;
	shm->factory = factory;
	shm->irq = irq;
	mutex_init(&shm->asking);
	init_waitqueue_head(&shm->answered);
	spin_lock_init(&shm->lock);
	error = attach(dev, shm);
	if (error)
		return error;
	/* Who is there already; from now on the handler alone reads status. */
	shm->members = READ_ONCE(shm->control->status) >> CLIENTS;
	error = request_irq(irq, handle_interrupt, IRQF_SHARED | trigger, DRIVER, shm);
	if (error) {
		leave(shm);
		return dev_err_probe(dev, error, "cannot have interrupt %d\n", irq);
	}
	dev_set_drvdata(dev, shm);
	dev_info(dev, "client %u of %s\n", shm->index, region);
	return 0;
}

/* The files are gone when this is called, so no reader waits for an answer any more. */
static void stop(struct device *dev)
{
	struct shm *shm = dev_get_drvdata(dev);

	leave(shm);
	free_irq(shm->irq, shm);
}

static ssize_t state_show(struct device *dev, struct device_attribute *attribute, char *page)
{
	struct shm *shm = dev_get_drvdata(dev);
	const struct counts *now = &shm->counts;

	guard(spinlock_irq)(&shm->lock);
	return sysfs_emit(page,
			  "index %u\nmembers %#x\ntaken %llu\nowned %llu\ndisowned %llu\nsignals %llu\nchanges %llu\n"
			  "sent %llu\nwrong %llu\n",
			  shm->index, shm->members, now->taken, now->owned, now->disowned, now->signals, now->changes,
			  now->sent, now->wrong);
}
static DEVICE_ATTR_RO(state);

static ssize_t serve_store(struct device *dev, struct device_attribute *attribute, const char *text, size_t length)
{
	struct shm *shm = dev_get_drvdata(dev);
	u32 count;
	int error = kstrtou32(text, 0, &count);

	if (error)
		return error;
	guard(spinlock_irq)(&shm->lock);
	shm->serve = count;
	return length;
}
static DEVICE_ATTR_WO(serve);

static int ask_once(struct shm *shm, u32 peer)
{
	u32 number;
	long left;

	scoped_guard(spinlock_irq, &shm->lock) {
		if (!(shm->members & BIT(peer)))
			return -ENOTCONN;
		number = shm->received[peer] + 1;
		send(shm, peer);
	}
	left = wait_event_interruptible_timeout(shm->answered, READ_ONCE(shm->received[peer]) == number, ANSWER_TIME);
	return left > 0 ? 0 : left ?: -ETIMEDOUT;
}

static ssize_t ask_store(struct device *dev, struct device_attribute *attribute, const char *text, size_t length)
{
	struct shm *shm = dev_get_drvdata(dev);
	u32 peer, count;
	int error = 0;

	if (sscanf(text, "%u %u", &peer, &count) != 2 || peer >= CLIENTS)
		return -EINVAL;
	guard(mutex)(&shm->asking);
	while (!error && count--)
		error = ask_once(shm, peer);
	return error ? error : length;
}
static DEVICE_ATTR_WO(ask);

static struct attribute *guest_shm_attrs[] = {
	&dev_attr_state.attr, &dev_attr_serve.attr, &dev_attr_ask.attr, NULL,
};
ATTRIBUTE_GROUPS(guest_shm);

static int probe_pci(struct pci_dev *pci, const struct pci_device_id *id)
{
	void __iomem *factory;
	int error = pcim_enable_device(pci);

	if (error)
		return error;
	factory = devm_ioremap_resource(&pci->dev, &pci->resource[0]);
	if (IS_ERR(factory))
		return PTR_ERR(factory);
	/* The pin: PCI's are level-triggered, and the kernel knows it. */
	return start(&pci->dev, factory, pci->irq, 0);
}

static void remove_pci(struct pci_dev *pci)
{
	stop(&pci->dev);
}

static const struct pci_device_id pci_ids[] = { { PCI_DEVICE(0x1c05, 0x0001) }, {} };
MODULE_DEVICE_TABLE(pci, pci_ids);

static struct pci_driver pci_driver = {
	.name = DRIVER,
	.id_table = pci_ids,
	.probe = probe_pci,
	.remove = remove_pci,
	.dev_groups = guest_shm_groups,
};

static int probe_platform(struct platform_device *platform)
{
	void __iomem *factory = devm_platform_ioremap_resource(platform, 0);
	int irq;

	if (IS_ERR(factory))
		return PTR_ERR(factory);
	irq = platform_get_irq(platform, 0);
	if (irq < 0)
		return irq;
	return start(&platform->dev, factory, irq, IRQF_TRIGGER_HIGH);
}

static void remove_platform(struct platform_device *platform)
{
	stop(&platform->dev);
}

static const struct of_device_id nodes[] = { { .compatible = "qvm,guest_shm" }, {} };
MODULE_DEVICE_TABLE(of, nodes);

static struct platform_driver platform_driver = {
	.driver = { .name = DRIVER, .of_match_table = nodes, .dev_groups = guest_shm_groups },
	.probe = probe_platform,
	.remove = remove_platform,
};

static int __init guest_shm_init(void)
{
	int error = pci_register_driver(&pci_driver);

	if (error)
		return error;
	error = platform_driver_register(&platform_driver);
	if (error)
		pci_unregister_driver(&pci_driver);
	return error;
}
module_init(guest_shm_init);

static void __exit guest_shm_exit(void)
{
	platform_driver_unregister(&platform_driver);
	pci_unregister_driver(&pci_driver);
}
module_exit(guest_shm_exit);

MODULE_DESCRIPTION("vdev shmem of the QNX Hypervisor: messages between guests by interrupt");
/*
 * The kernel's list of licences has no name for "GPL-2.0 or Apache-2.0"; "GPL" names the half under which the module is
 * combined with the kernel, and without it the symbols that are for GPL modules alone would be closed to it.
 */
MODULE_LICENSE("GPL");
